"""A trained model as an ONNX file, for programs without torch (extra `onnx`)."""
