"""Contact sheets: one PNG page per video with its time line, events, clips, captions, summary."""
