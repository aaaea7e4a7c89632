"""Ship: a trained model as one ONNX file with its card, and the recogniser that uses them."""

DEFAULT = "glyphnet-m"
"""What recognises where no model is named: on one picture its time is nothing beside that of reading it, and the larger
glyphnet-l is not more accurate beyond chance (results/front/shipped)."""
