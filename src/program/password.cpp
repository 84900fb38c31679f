#include "program/password.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <optional>

#include "configuration/configuration.h"
#include "delivery/files.h"

namespace angarium::program {
namespace {

/// Octets of a file of which the first line is read: a token and its line end; passwords are shorter.
constexpr std::size_t kPasswordMax = 8194;

std::string first_line(std::string text) {
  text.resize(std::min(text.size(), text.find('\n')));
  if (text.ends_with('\r')) text.pop_back();
  return text;
}

/// Up to the last blank, or the last character of UTF-8.
void erase_word(std::string& line) {
  while (line.ends_with(' ')) line.pop_back();
  while (!line.empty() && !line.ends_with(' ')) line.pop_back();
}
void erase_character(std::string& line) {
  while (!line.empty()) {
    const bool continues = (static_cast<unsigned char>(line.back()) & 0xC0) == 0x80;
    line.pop_back();
    if (!continues) return;
  }
}

/// What is typed at a terminal that gives each key; nothing after one that interrupts, quits or suspends.
std::optional<std::string> typed_line(int terminal, const termios& keys) {
  std::string line;
  char c = 0;
  const auto is = [&](int key) { return keys.c_cc[key] != _POSIX_VDISABLE && static_cast<cc_t>(c) == keys.c_cc[key]; };
  while (line.size() < kPasswordMax && ::read(terminal, &c, 1) == 1 && c != '\n') {
    if (is(VINTR) || is(VQUIT) || is(VSUSP)) return std::nullopt;
    if (is(VEOF)) break;
    if (is(VERASE))
      erase_character(line);
    else if (is(VWERASE))
      erase_word(line);
    else if (is(VKILL))
      line.clear();
    else
      line += c;
  }
  return line;
}

std::unexpected<Error> unreadable(const std::string& path, const std::string& why) {
  return fail(configuration::kUnreadable, "the password file " + path + ": " + why);
}

}  // namespace

std::string password_from_stdin() {
  std::string line;
  for (int c = std::getchar(); c != EOF && c != '\n'; c = std::getchar()) line += static_cast<char>(c);
  return first_line(std::move(line));
}

Result<std::string> password_from_file(const std::string& path) {
  const delivery::Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (file.get() < 0) return unreadable(path, strerrordesc_np(errno));
  struct stat status{};
  if (::fstat(file.get(), &status) != 0) return unreadable(path, strerrordesc_np(errno));
  if (S_ISREG(status.st_mode) && (status.st_mode & 077) != 0)
    return unreadable(path, "others may use it; try: chmod 600 " + path);
  std::array<char, kPasswordMax> text{};
  std::size_t size = 0;
  while (size < text.size()) {
    const ssize_t got = ::read(file.get(), text.data() + size, text.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return unreadable(path, strerrordesc_np(errno));
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  return first_line(std::string(text.data(), size));
}

Result<std::string> password_from_terminal(const std::string& question) {
  const delivery::Descriptor terminal(::open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY));
  if (terminal.get() < 0)
    return fail(configuration::kUnreadable,
                "there is no terminal to ask for the password at: use --password-file FILE or --password-stdin");
  termios before{};
  const bool known = ::tcgetattr(terminal.get(), &before) == 0;
  termios silent = before;
  // What ended or stopped the program here would leave a terminal that shows nothing: these keys are read, and so all.
  silent.c_lflag &= ~static_cast<tcflag_t>(ECHO | ISIG | ICANON);
  silent.c_cc[VMIN] = 1;
  silent.c_cc[VTIME] = 0;
  // Silent before the question is seen: whoever answers at once is neither shown nor lost.
  if (known) ::tcsetattr(terminal.get(), TCSAFLUSH, &silent);
  const std::string asked = question + ": ";
  if (::write(terminal.get(), asked.data(), asked.size()) < 0) {
    if (known) ::tcsetattr(terminal.get(), TCSAFLUSH, &before);
    return fail(configuration::kUnreadable, "the terminal does not take a question");
  }
  const auto line = typed_line(terminal.get(), before);
  if (known) ::tcsetattr(terminal.get(), TCSAFLUSH, &before);
  (void)!::write(terminal.get(), "\n", 1);
  if (!line) return fail(configuration::kUnreadable, "no password was given");
  return first_line(*line);
}

}  // namespace angarium::program
