"""Fee splits (基层缴费设置) of the 2020 season, in fen: what the subsidy leaves of the fee, and whose part it is."""

from unioncard_cli.season.acts import Split

# (class, term): (district, union). Together they are fee - subsidy by rates.csv.
SHARES: dict[tuple[str, str], Split] = {
    ("A", "full"): (3_00, 10_00),  # 26.00 - 13.00 = 13.00
    ("A", "half"): (1_50, 5_00),  # 13.00 - 6.50 = 6.50
    ("A+", "full"): (13_00, 50_00),  # 76.00 - 13.00 = 63.00
    ("A+", "half"): (6_50, 25_00),  # 38.00 - 6.50 = 31.50
    ("B", "full"): (20_00, 30_00),  # 90.00 - 40.00 = 50.00
    ("B", "half"): (10_00, 15_00),  # 45.00 - 20.00 = 25.00
    ("B+", "full"): (40_00, 60_00),  # 140.00 - 40.00 = 100.00
    ("B+", "half"): (20_00, 30_00),  # 70.00 - 20.00 = 50.00
}

# Central enterprises get less of the federation.
CENTRAL_SHARES: dict[tuple[str, str], Split] = {
    ("A", "full"): (9_50, 10_00),  # 26.00 - 6.50 = 19.50
    ("A", "half"): (5_00, 5_00),  # 13.00 - 3.00 = 10.00
    ("A+", "full"): (19_50, 50_00),  # 76.00 - 6.50 = 69.50
    ("A+", "half"): (10_00, 25_00),  # 38.00 - 3.00 = 35.00
    ("B", "full"): (27_50, 40_00),  # 90.00 - 22.50 = 67.50
    ("B", "half"): (14_00, 20_00),  # 45.00 - 11.00 = 34.00
    ("B+", "full"): (47_50, 70_00),  # 140.00 - 22.50 = 117.50
    ("B+", "half"): (24_00, 35_00),  # 70.00 - 11.00 = 59.00
}

#: Of 2019: what the subsidy of that year leaves.
SHARES_2019: dict[tuple[str, str], Split] = {
    ("A", "full"): (2_00, 10_00),  # 24.00 - 12.00 = 12.00
    ("A", "half"): (1_00, 5_00),  # 12.00 - 6.00 = 6.00
    ("B", "full"): (16_00, 24_00),  # 70.00 - 30.00 = 40.00
    ("B", "half"): (8_00, 12_00),  # 35.00 - 15.00 = 20.00
}
