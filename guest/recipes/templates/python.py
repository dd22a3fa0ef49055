# Returns what it is sent. Deploy it, then invoke it with {"event": {"name": "World"}}.
def handler(event, context):
    print(f"Invocation {context.request_id}")
    return {"message": f"Hello, {event.get('name', 'World')}!", "input": event}
