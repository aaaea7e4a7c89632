"""What is measured about a model: accuracy, latency, cost, gradients."""
