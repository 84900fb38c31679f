// The other end of a client under test: a server that follows a script, cut and broken off where the test wants it.
//
// The letters of session scripts are the other way round here: S is what the script's server says, C what it must hear.
#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/text.h"
#include "io/memory.h"
#include "support/session_script.h"
#include "wire/connection/connection.h"
#include "wire/framing/input.h"

namespace angarium::test {

/// How what the server says is cut.
struct Cutting {
  std::size_t at = SIZE_MAX;          ///< it pauses after so many octets
  bool octets = false;                ///< and after each one
  std::size_t drop_after = SIZE_MAX;  ///< the connection ends behind so many
  std::size_t capacity = 256 * 1024;  ///< of the pipe, in both directions
};

/// One line of a dialogue that is the server's, read as a step; `C-raw` are octets without regard to lines.
inline Result<Step> dialogue_step(std::string_view line) {
  std::string swapped(line);
  const bool octets = line.starts_with("C-raw:");
  if (line.starts_with("S:") || line.starts_with("S-raw:")) {
    swapped[0] = 'C';
  } else if (line.starts_with("C:")) {
    swapped[0] = 'S';
  }
  auto script = read_script(swapped);
  if (!script) return std::unexpected(script.error());
  if (script->steps.empty()) return fail(kBadScript, swapped);
  Step step = std::move(script->steps.front());
  if (octets) step.kind = Step::Kind::expect_any_order;
  return step;
}

class ScriptedServer {
 public:
  /// `steps` outlive it.
  ScriptedServer(const std::vector<Step>& steps, Cutting cutting) : steps_(steps), cutting_(cutting) {}

  io::Task<> serve() {
    for (const Step& step : steps_)
      if (!co_await take(step)) break;
    ends_.server->close();
    done_ = true;
  }

  [[nodiscard]] wire::Connection& client_end() { return *ends_.client; }
  /// The same for a client that owns its connection.
  [[nodiscard]] std::unique_ptr<wire::Connection> take_client_end() { return std::move(ends_.client); }
  /// What it did not hear as it should; empty: all was right.
  [[nodiscard]] const std::string& missed() const { return missed_; }
  [[nodiscard]] bool done() const { return done_; }

 private:
  io::Task<bool> take(const Step& step) {
    switch (step.kind) {
      case Step::Kind::send: co_return co_await say(step.text);
      case Step::Kind::expect: co_return co_await hear(step.text);
      case Step::Kind::expect_any_order: co_return co_await hear_octets(step.text);
      case Step::Kind::time: co_await io::Loop::current().sleep_for(step.time); co_return true;
      case Step::Kind::tls: co_return (co_await ends_.server->start_tls(input_)).has_value();
      case Step::Kind::close: co_return false;
      case Step::Kind::eof: co_return co_await hear_end();
      case Step::Kind::silence:
        for (int i = 0; i < 10; ++i) co_await io::Loop::current().yield();
        (void)input_.fill(*ends_.server);
        if (!input_.empty()) miss("silence", input_.view());
        co_return true;
    }
    co_return false;
  }

  io::Task<bool> say(std::string_view text) {
    while (!text.empty()) {
      if (said_ == cutting_.drop_after) co_return false;
      std::size_t count = std::min(text.size(), cutting_.drop_after - said_);
      if (cutting_.octets) count = 1;
      if (said_ < cutting_.at) count = std::min(count, cutting_.at - said_);
      if (!co_await io::write_all(*ends_.server, text.substr(0, count))) co_return false;
      said_ += count;
      text.remove_prefix(count);
      if (said_ == cutting_.at || cutting_.octets)
        for (int i = 0; i < 5; ++i) co_await io::Loop::current().yield();
    }
    co_return said_ != cutting_.drop_after;
  }

  io::Task<bool> hear(std::string_view expected) {
    for (;;) {
      auto line = input_.take_line(60'000);
      if (!line) co_return miss(expected, "an endless line");
      if (*line) {
        if ((*line)->text == expected && (*line)->strict()) co_return true;
        co_return miss(expected, (*line)->text);
      }
      if (!co_await input_.more(*ends_.server)) co_return miss(expected, "the end after " + std::string(input_.view()));
    }
  }

  io::Task<bool> hear_octets(std::string_view expected) {
    while (input_.size() < expected.size())
      if (!co_await input_.more(*ends_.server)) co_return miss(expected, input_.view());
    if (!input_.view().starts_with(expected)) co_return miss(expected, input_.view());
    input_.consume(expected.size());
    co_return true;
  }

  io::Task<bool> hear_end() {
    while (co_await input_.more(*ends_.server)) {
    }
    if (!input_.empty()) co_return miss("the end", input_.view());
    co_return true;
  }

  bool miss(std::string_view expected, std::string_view heard) {
    if (missed_.empty())
      missed_ = "expected " + escape_controls(expected, 200) + ", heard " + escape_controls(heard, 200);
    return false;
  }

  const std::vector<Step>& steps_;
  Cutting cutting_;
  wire::MemoryConnections ends_ = wire::memory_connections({.capacity = cutting_.capacity});
  wire::Input input_;
  std::size_t said_ = 0;
  bool done_ = false;
  std::string missed_;
};

}  // namespace angarium::test
