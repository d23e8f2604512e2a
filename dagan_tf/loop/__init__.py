"""What every training needs: checkpoints, rates, devices, progress, detectors of failure."""
