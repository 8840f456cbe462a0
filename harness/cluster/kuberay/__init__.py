"""A study as a RayJob of KubeRay: a Ray cluster of its own in Kubernetes, removed after the study."""
