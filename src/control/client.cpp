#include "control/client.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace angarium::control {
namespace {

Error not_running(const std::string& path, int number) {
  return {kNotRunning, "no server answers on " + path + " (" + std::string(strerrordesc_np(number)) + ")"};
}

Result<> send_all(int descriptor, std::string_view octets, const std::string& path) {
  while (!octets.empty()) {
    const ssize_t sent = send(descriptor, octets.data(), octets.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return std::unexpected(not_running(path, errno));
    octets.remove_prefix(static_cast<std::size_t>(sent));
  }
  return {};
}

}  // namespace

Connection::~Connection() {
  if (number_ >= 0) close(number_);
}

Result<Connection> connect(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path)
    return fail(kNotRunning, "the path of the control socket is too long: " + path);
  path.copy(address.sun_path, path.size());
  Connection connection(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (connection.get() < 0 ||
      ::connect(connection.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return std::unexpected(not_running(path, errno));
  return connection;
}

namespace {

constexpr std::size_t kBlock = 65536;

/// Reads lines up to the reply, at most `at_once` octets at a time.
Result<Reply> read_reply(const Connection& connection, std::size_t at_once,
                         const std::function<void(const Progress&)>& progress) {
  std::string received;
  std::array<char, kBlock> block;
  for (;;) {
    const ssize_t got = read(connection.get(), block.data(), at_once);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return fail(kNotRunning, "the server ended before it replied; look at its log");
    received.append(block.data(), static_cast<std::size_t>(got));
    if (received.size() > kLineMax) return fail(kMalformed, "the server's reply is too long");
    std::size_t end = 0;
    while ((end = received.find('\n')) != std::string::npos) {
      const Message message = TRY(decode_message(std::string_view(received).substr(0, end)));
      if (message.last) return message.reply;
      if (progress) progress(message.progress);
      received.erase(0, end + 1);
    }
  }
}

}  // namespace

Result<Reply> ask(const std::string& path, const Request& request,
                  const std::function<void(const Progress&)>& progress) {
  const Connection connection = TRY(connect(path));
  TRY(send_all(connection.get(), encode(request), path));
  return read_reply(connection, kBlock, progress);
}

Result<Reply> open_talk(const Connection& connection, const Request& request) {
  TRY(send_all(connection.get(), encode(request), "the control socket"));
  // An octet at a time: what follows the reply is not ours to read.
  return read_reply(connection, 1, {});
}

}  // namespace angarium::control
