"""The refiner over gRPC: TensorFlow Serving's PredictionService, its client and warm-up records."""
