"""Population office (人口办) and social-security office (人保库): who is retired or draws benefit."""
