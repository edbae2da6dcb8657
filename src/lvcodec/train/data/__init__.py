"""What is trained on: videos and photographs as raw pictures, and the crops of them."""
