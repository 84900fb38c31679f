// tlsload: full TLS handshakes with an IMAP server, and what they cost somebody else's session meanwhile (loopback only, a thread a connection).
//   tlsload --tls-port P --port Q [--host 127.0.0.1] [--conns C] [--count N] [--user U] [--pass W] [--timeout S]
// N times: connect to P, TLS without a session to resume, the greeting, end. A session that logged in at Q without TLS asks NOOP each millisecond, first alone for a
// second ("calm"), then beside them ("look"). Prints one JSON line.
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

struct Options {
  std::string host = "127.0.0.1";
  std::string user = "user0001@example.test";
  std::string password = "secret";
  int tls_port = 993;
  int port = 143;
  int connections = 10;
  long count = 1000;
  double timeout = 60;
};

double ms_since(Clock::time_point begin) { return std::chrono::duration<double, std::milli>(Clock::now() - begin).count(); }

double quantile(std::vector<double> values, double part) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  return values[std::min(values.size() - 1, static_cast<std::size_t>(part * static_cast<double>(values.size())))];
}

int dial(const Options& options, int port) {
  const int socket_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<std::uint16_t>(port));
  inet_pton(AF_INET, options.host.c_str(), &to.sin_addr);
  const timeval limit{static_cast<time_t>(options.timeout), 0};
  setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  const int one = 1;
  setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  if (connect(socket_, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0) return socket_;
  close(socket_);
  return -1;
}

/// Reads lines until one begins so.
bool until(int socket, const std::string& beginning) {
  std::string line;
  for (char octet = 0; read(socket, &octet, 1) == 1;) {
    line += octet;
    if (octet != '\n') continue;
    if (line.compare(0, beginning.size(), beginning) == 0) return true;
    line.clear();
  }
  return false;
}

bool say(int socket, const std::string& line, const std::string& answer) {
  return write(socket, line.data(), line.size()) == static_cast<ssize_t>(line.size()) && until(socket, answer);
}

/// Whether all of it went well: TCP, the handshake, the greeting.
bool handshake(const Options& options, SSL_CTX* context) {
  const int socket = dial(options, options.tls_port);
  if (socket < 0) return false;
  SSL* const tls = SSL_new(context);
  SSL_set_fd(tls, socket);
  char greeting[512];
  const bool good = SSL_connect(tls) == 1 && SSL_read(tls, greeting, sizeof greeting) > 4 && memcmp(greeting, "* OK", 4) == 0;
  if (good) SSL_shutdown(tls);
  SSL_free(tls);
  close(socket);
  return good;
}

bool parse(int count, char** words, Options& options) {
  for (int i = 1; i + 1 < count; i += 2) {
    const std::string name = words[i];
    const std::string value = words[i + 1];
    if (name == "--host") options.host = value;
    else if (name == "--user") options.user = value;
    else if (name == "--pass") options.password = value;
    else if (name == "--tls-port") options.tls_port = std::atoi(value.c_str());
    else if (name == "--port") options.port = std::atoi(value.c_str());
    else if (name == "--conns") options.connections = std::atoi(value.c_str());
    else if (name == "--count") options.count = std::atol(value.c_str());
    else if (name == "--timeout") options.timeout = std::atof(value.c_str());
    else return false;
  }
  return count % 2 == 1 && options.host.compare(0, 4, "127.") == 0;
}

}  // namespace

int main(int count, char** words) {
  Options options;
  if (!parse(count, words, options)) {
    std::fprintf(stderr, "usage: tlsload --tls-port P --port Q ... (loopback only)\n");
    return 2;
  }
  signal(SIGPIPE, SIG_IGN);
  SSL_CTX* const context = SSL_CTX_new(TLS_client_method());
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_verify(context, SSL_VERIFY_NONE, nullptr);

  const int calm_session = dial(options, options.port);
  if (calm_session < 0 || !until(calm_session, "* OK") ||
      !say(calm_session, "a LOGIN \"" + options.user + "\" \"" + options.password + "\"\r\n", "a OK")) {
    std::fprintf(stderr, "no session at port %d\n", options.port);
    return 1;
  }
  std::atomic<bool> storm = false;
  std::atomic<bool> over = false;
  std::vector<double> calm;
  std::vector<double> look;
  std::thread looking([&] {
    setpriority(PRIO_PROCESS, static_cast<id_t>(syscall(SYS_gettid)), -5);  // the client is not to be what waits
    while (!over) {
      const bool beside = storm;
      const auto begin = Clock::now();
      if (!say(calm_session, "n NOOP\r\n", "n OK")) return;
      (beside ? look : calm).push_back(ms_since(begin));
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  });
  std::this_thread::sleep_for(std::chrono::seconds(1));

  std::atomic<long> next = 0;
  std::atomic<long> bad = 0;
  std::vector<double> took;
  std::mutex mutex;
  storm = true;
  const auto begin = Clock::now();
  std::vector<std::thread> threads;
  for (int i = 0; i < options.connections; ++i)
    threads.emplace_back([&] {
      std::vector<double> mine;
      while (next++ < options.count && ms_since(begin) < options.timeout * 1000) {
        const auto from = Clock::now();
        if (handshake(options, context)) mine.push_back(ms_since(from));
        else ++bad;
      }
      const std::lock_guard lock(mutex);
      took.insert(took.end(), mine.begin(), mine.end());
    });
  for (std::thread& thread : threads) thread.join();
  const double seconds = ms_since(begin) / 1000;
  over = true;
  looking.join();
  std::printf("{\"mode\":\"handshake\",\"conns\":%d,\"ok\":%zu,\"bad\":%ld,\"s\":%.4f,\"per_s\":%.1f,\"p50_ms\":%.2f,\"p99_ms\":%.2f,\"calm_p99_ms\":%.2f,"
              "\"look_p50_ms\":%.2f,\"look_p99_ms\":%.2f,\"look_max_ms\":%.2f}\n",
              options.connections, took.size(), bad.load(), seconds, static_cast<double>(took.size()) / seconds, quantile(took, .5), quantile(took, .99),
              quantile(calm, .99), quantile(look, .5), quantile(look, .99), quantile(look, 1));
  return bad > 0 || look.empty();
}
