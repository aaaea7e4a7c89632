"""Ship: a trained model as one ONNX file with its card, and the recogniser that uses them."""

DEFAULT = "glyphnet-s"
"""What recognises where no model is named."""
