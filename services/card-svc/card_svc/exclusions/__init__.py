"""Questions to the population office (人口办) about members who are to be insured."""
