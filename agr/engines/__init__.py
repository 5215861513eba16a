"""What computes a saved model's answers: ONNX Runtime, OpenVINO or Keras."""
