#include "program/console.h"

#include <fmt/core.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>

#include "mua/error.h"
#include "mua/host.h"

namespace angarium::program {
namespace {

constexpr std::size_t kBlock = 65536;

/// Set by the one thing that can only be told so: a signal.
volatile std::sig_atomic_t interrupted = 0;
void on_interrupt(int) { interrupted = 1; }

void catch_interrupts(void (*handler)(int)) {
  struct sigaction action{};
  action.sa_handler = handler;
  // Without SA_RESTART: the read that waits for a line ends.
  sigaction(SIGINT, &action, nullptr);
}

std::string unreadable(int number) { return std::string("the input cannot be read: ") + strerrordesc_np(number); }

winsize window() {
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_row == 0 || size.ws_col == 0) {
    size.ws_row = 24;
    size.ws_col = 80;
  }
  return size;
}

}  // namespace

Console::Console(std::string shell, std::string pager, Interrupt interrupt)
    : shell_(std::move(shell)),
      pager_(std::move(pager)),
      interactive_(isatty(STDIN_FILENO) == 1),
      catching_(interactive_ && interrupt == Interrupt::ends_line) {
  if (catching_) catch_interrupts(on_interrupt);
}

Console::~Console() {
  if (catching_) catch_interrupts(SIG_DFL);
}

bool Console::fill() {
  std::string block(kBlock, '\0');
  for (;;) {
    const ssize_t got = read(STDIN_FILENO, block.data(), block.size());
    if (got < 0 && errno == EINTR && interrupted == 0) continue;
    if (got < 0 && errno == EINTR) return false;
    if (got <= 0) {
      over_ = true;
      failed_ = got < 0 ? errno : 0;
      return false;
    }
    input_.append(block, 0, static_cast<std::size_t>(got));
    return true;
  }
}

mua::Terminal::Line Console::read_line(std::string_view prompt) {
  using Kind = Line::Kind;
  if (interactive_) write(prompt);
  flush();
  for (;;) {
    // Half a command or half a letter is not what was meant.
    if (failed_ != 0) return {.kind = Kind::failed, .text = unreadable(failed_)};
    const std::size_t end = std::min(input_.find('\n'), mua::kLineMax);
    if (end < input_.size()) {
      Line line{.kind = Kind::text, .text = input_.substr(0, end)};
      input_.erase(0, input_[end] == '\n' ? end + 1 : end);
      return line;
    }
    if (fill() || failed_ != 0) continue;
    if (!over_) {
      interrupted = 0;
      input_.clear();
      return {.kind = Kind::interrupted, .text = {}};
    }
    // A terminal's end is of one line; the next may come.
    over_ = !interactive_;
    if (input_.empty()) return {.kind = Kind::end, .text = {}};
    return {.kind = Kind::text, .text = std::exchange(input_, {})};
  }
}

Result<std::string> Console::read_all(std::size_t max) {
  while (!over_) {
    if (!fill() && !over_) return fail(mua::kHost, "interrupted");
    if (input_.size() > max) return fail(mua::kHost, "the message is larger than " + std::to_string(max) + " octets");
  }
  if (failed_ != 0) return fail(mua::kHost, unreadable(failed_));
  return std::exchange(input_, {});
}

void Console::write(std::string_view text) { std::fwrite(text.data(), 1, text.size(), stdout); }

void Console::complain(std::string_view text) {
  flush();
  fmt::print(stderr, "{}\n", text);
}

void Console::flush() { std::fflush(stdout); }

std::size_t Console::lines() const { return window().ws_row; }

std::size_t Console::columns() const { return window().ws_col; }

void Console::page(std::string_view text) {
  const auto rows = static_cast<std::ptrdiff_t>(lines());
  const bool fits = std::ranges::count(text, '\n') < rows;
  flush();
  if (fits || !interactive_ || isatty(STDOUT_FILENO) != 1) return write(text);
  if (!mua::feed_command(shell_, pager_, text)) write(text);
}

}  // namespace angarium::program
