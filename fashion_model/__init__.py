"""The default bundle, and the code that makes bundles: data, training, export, evaluation."""
