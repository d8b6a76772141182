"""The pages' shell: Gradio draws the tabs, the pages themselves are plain web components."""
