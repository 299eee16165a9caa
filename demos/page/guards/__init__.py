"""What stands between the network and the page: open doors, and what may come through them."""
