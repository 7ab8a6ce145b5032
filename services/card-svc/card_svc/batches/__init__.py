"""Card batches (办卡批次), from submission to the last card handed out."""
