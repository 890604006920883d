"""Play: a model that writes learns from the rewards of an environment."""
