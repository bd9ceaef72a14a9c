"""What a person is told of a run, and whether the model can be trusted tonight."""
