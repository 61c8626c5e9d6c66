"""What is said of scenarios: how each went, and in the last line how many there were, which run.sh adds up."""

import asyncio

PATIENCE = 30


def check(holds, what):
    if not holds:
        raise AssertionError(what)


def same(got, want, what):
    check(type(got) is type(want) and got == want, f"{what} differs: {got!r:.60} for {want!r:.60}")


async def report(who, scenarios):
    """Runs them one after the other: each is a name, what to await for the number of messages, and perhaps
    a remark for when it went well. Gives the exit code."""
    ran = messages = failed = 0
    for name, scenario, *remark in scenarios:
        ran += 1
        try:
            messages += await asyncio.wait_for(scenario, PATIENCE)
            print(": ".join([f"{who}: ok      {name}", *remark]))
        except TimeoutError:
            failed += 1
            print(f"{who}: FAILED  {name}: not done within {PATIENCE} s")
        except Exception as error:
            failed += 1
            print(f"{who}: FAILED  {name}: {type(error).__name__}: {error}")
    print(f"{who}: {ran} scenarios, {messages} messages, {failed} failed")
    return 1 if failed else 0
