"""What only an encoder needs: decisions, searches, rates. No decoder imports this package."""
