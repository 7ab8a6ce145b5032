"""What the tests of the workflows share: a stand-in for the services, and stories with their histories."""
