def greeting(name):
    return f"Good morning, {name}!"
