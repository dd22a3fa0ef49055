import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { LoginPilot } from "./login-pilot.ts";

const pilot = () => new LoginPilot({ username: "root", password: "secret" });

describe("LoginPilot", () => {
  it("answers both prompts, each once, also where they come in pieces", () => {
    const login = pilot();
    assert.equal(login.read("fn-hello log"), null);
    assert.equal(login.read("in: "), "root\r");
    assert.equal(login.read("root\r\n"), null);
    assert.equal(login.read("Password: "), "secret\r");
    assert.equal(login.state, "in");
    assert.equal(login.read("\r\nWelcome\r\n# login: "), null);
    assert.equal(login.state, "in");
  });

  it("leaves it to people when it is not let in", () => {
    const login = pilot();
    login.read("login: ");
    login.read("Password: ");
    login.read("\r\nLogin incor");
    assert.equal(login.read("rect\r\nlogin: "), null);
    assert.equal(login.state, "stuck");
  });

  it("gives up where nothing asks, and types nothing where somebody else does", () => {
    const other = pilot();
    other.read("x".repeat(5_000));
    assert.equal(other.state, "stuck");
    const typed = pilot();
    typed.leaveToUser();
    assert.equal(typed.read("login: "), null);
    const inside = pilot();
    inside.read("login: ");
    inside.read("Password: ");
    inside.leaveToUser();
    assert.equal(inside.state, "in");
  });
});
