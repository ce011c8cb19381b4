"""What the functions share: rules inside, ports and services around them, edges outside."""
