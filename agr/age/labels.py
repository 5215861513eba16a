"""The range of ages, and the named ways to cut it into bins."""

AGE_RANGE = (0, 120)

# Lower ends of the bins, in whole years; the last bin ends with AGE_RANGE.
NAMED_BINS: dict[str, tuple[int, ...]] = {
    "years": tuple(range(AGE_RANGE[0], AGE_RANGE[1] + 1)),
    "decade": tuple(range(0, 101, 10)),
    # child, teen, young adult, adult, middle age, senior
    "life_stages": (0, 13, 20, 30, 45, 60),
    # The ranges that advertisers buy, the two for minors included; nobody under 7.
    "ad_groups": (7, 13, 18, 25, 35, 45, 55, 65),
}
BALANCED_BINS = 10
