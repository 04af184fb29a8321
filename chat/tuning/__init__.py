"""From judged questions to an adapter: read the data, make the sheets, train, try, write the folder."""
