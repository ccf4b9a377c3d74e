"""What happens next on this stream? The exchange protocol as two sans-IO machines."""
