"""What a training run can be told: configurations, and the registries of what they may name. No torch."""
