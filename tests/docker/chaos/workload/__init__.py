"""Small flows for fault injection: the package ``chaos`` of the image that tests/docker/chaos builds."""
