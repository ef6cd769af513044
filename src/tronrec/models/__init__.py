"""The encoders and the item table they share."""
