"""In an interpreter of its own, where every warning is an error: the end, forks, interrupts."""

from __future__ import annotations

import pytest
from client_kit import run_alone


def test_nothing_is_left_open_whether_clients_are_closed_or_not():
    script = """
    with Emulator() as emu:
        async def use(client):
            await client.chat(**ASK)
            async for _ in client.stream(**ASK): pass
            async for _ in client.stream(**ASK): break
        kept, akept = make(emu), make_async(emu)
        for _ in range(3):
            for client in (make(emu), kept):
                client.chat(**ASK)
                for _ in client.stream(**ASK): break
            asyncio.run(use(make_async(emu)))
            asyncio.run(use(akept))
        with make(emu) as client: client.chat(**ASK)
        gc.collect()
        print(emu.posts)
    """
    assert run_alone(script) == "31"


@pytest.mark.parametrize("how", ["sync", "async"])
def test_an_open_stream_at_the_end_of_the_interpreter_prints_nothing(how):
    script = f"""
    emu = Emulator(always=DelayEvents(0.05)).start()
    async def begin():
        await anext(astream)
    stream, astream = make(emu).stream(**ASK), make_async(emu).stream(**ASK)
    next(stream) if {how == "sync"} else asyncio.run(begin())
    print("bye")
    """
    assert run_alone(script) == "bye"


def test_a_forked_child_makes_its_own_connections():
    script = """
    emu = Emulator().start()
    client = make(emu)
    print(client.chat(**ASK).text, flush=True)
    open_stream = client.stream(**ASK)
    next(open_stream)
    child = os.fork()
    if not child:
        ok = client.chat(**ASK).text == "You said: Say hello" and asyncio.run(make_async(emu).chat(**ASK)).text
        client.close()
        os._exit(0 if ok else 1)
    _, status = os.waitpid(child, 0)
    print(status, open_stream.completion().text, client.chat(**ASK).text, sep="|")
    client.close()
    """
    assert run_alone(script) == "You said: Say hello\n0|You said: Say hello|You said: Say hello"


def test_an_interrupted_stream_is_released():
    script = """
    import _thread
    with Emulator(always=DelayEvents(0.05)) as emu:
        client = make(emu)
        def press():
            while not emu.posts: time.sleep(0.01)
            time.sleep(0.3)
            _thread.interrupt_main()
        threading.Thread(target=press).start()
        try:
            client.stream(**{**ASK, "messages": [{"role": "user", "content": "Say " + "word " * 200}]}).completion()
        except KeyboardInterrupt:
            ends = time.monotonic() + 2
            while not emu.disconnects and time.monotonic() < ends: time.sleep(0.01)
            print(len(emu.disconnects))
    """
    assert run_alone(script) == "1"
