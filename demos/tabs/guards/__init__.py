"""What stands between the network and the page: which doors are open, what may come through them."""
