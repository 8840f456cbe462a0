"""What runs on the nodes of whatever cluster: processes that leave nothing behind, and a Ray of their own."""
