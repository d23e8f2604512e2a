"""The refiner in the box: trained weights, the card that says what they are, and their reader."""
