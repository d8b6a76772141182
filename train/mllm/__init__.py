"""The multimodal LLM: frames of a video and questions in, written answers out."""
