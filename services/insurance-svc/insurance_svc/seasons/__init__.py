"""What a coverage year is made of: rates, benefits, calendars, central enterprises."""
