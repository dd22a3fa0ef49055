# Says hello. Deploy and invoke it, under a name of its own beside hello.js:
#   firelet deploy examples/hello.py --name hello-python
#   firelet functions invoke hello-python --event '{"name": "World"}'


async def handler(event, context):
    name = event.get("name", "stranger")
    print(f"Greeting {name}, request {context.request_id}")
    return {"message": f"Hello, {name}!", "timestamp": str(datetime.now())}
