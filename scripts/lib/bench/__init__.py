"""What scripts/bench is made of: peers, workloads, measurements, the report."""
