// Tools to try, and what their functions might return.

const tool = (name, description, properties) => ({
  type: "function",
  function: { name, description, parameters: { type: "object", properties, required: Object.keys(properties) } },
});

export const SAMPLE_TOOLS = [
  tool("get_weather", "Return the weather of a city.", { city: { type: "string" } }),
  tool("multiply", "Multiply two numbers.", { a: { type: "number" }, b: { type: "number" } }),
];

export const SAMPLE_RESULTS = { get_weather: "18 °C and sunny", multiply: "42" };
