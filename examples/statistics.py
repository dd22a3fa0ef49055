# Sums numbers up. Deploy and invoke it:
#   firelet deploy examples/statistics.py
#   firelet functions invoke statistics --event '{"numbers": [1, 2, 3, 4]}'


def handler(event):
    numbers = event.get("numbers", [])
    print(f"Got {len(numbers)} numbers")
    return {
        "sum": sum(numbers),
        "avg": sum(numbers) / len(numbers) if numbers else 0,
        "max": max(numbers, default=None),
        "min": min(numbers, default=None),
    }
