// What contexts hold behind their doors; only this room's .cpp files include it.
#pragma once

#include <array>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "wire/tls/context.h"
#include "wire/tls/openssl.h"

namespace angarium::wire::tls {

/// The keys that seal session tickets: the one in use and the one before. Thread-safe.
class TicketKeys {
 public:
  struct Keys {
    std::array<unsigned char, 16> name;
    std::array<unsigned char, 32> cipher;
    std::array<unsigned char, 32> authentication;
  };

  TicketKeys(const Clock& clock, Random& random) : clock_(clock), random_(random) {}
  ~TicketKeys();
  Keys current();
  /// The keys of that name, if they are not too old.
  std::optional<Keys> find(const unsigned char* name);

 private:
  void rotate();

  const Clock& clock_;
  Random& random_;
  std::mutex mutex_;
  Moment since_;
  std::optional<Keys> current_;
  std::optional<Keys> previous_;
};

/// The identities in use at one time: a reload makes another. Connections hold it while they shake hands.
struct Identities {
  std::vector<Context> contexts;
  std::map<std::string, SSL_CTX*, std::less<>> by_name;  ///< lower case, wildcards as they are written

  [[nodiscard]] SSL_CTX* fallback() const { return contexts.front().get(); }
  /// Null when no identity bears the name.
  [[nodiscard]] SSL_CTX* find(std::string_view name) const;
};

struct ServerContext::Body {
  Body(const Clock& clock, Random& random) : tickets(clock, random) {}

  TicketKeys tickets;
  mutable std::mutex mutex;
  std::shared_ptr<const Identities> identities;

  [[nodiscard]] std::shared_ptr<const Identities> get() const {
    std::lock_guard lock(mutex);
    return identities;
  }
};

struct ClientContext::Body {
  Verification verification;
  Context context;
};

/// What the callbacks of a server's handshake ask of its connection: SSL's application data.
struct Handshaking {
  std::shared_ptr<const Identities> identities;
  TicketKeys* tickets = nullptr;
  const std::vector<std::string>* protocols = nullptr;
};

}  // namespace angarium::wire::tls
