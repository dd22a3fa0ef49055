// Says hello. Deploy and invoke it:
//   firelet deploy examples/hello.js
//   firelet functions invoke hello --event '{"name": "World"}'

async function handler(event) {
  const name = event.name ?? "stranger";
  console.log(`Greeting ${name}`);
  return { message: `Hello, ${name}!`, timestamp: new Date().toISOString() };
}
