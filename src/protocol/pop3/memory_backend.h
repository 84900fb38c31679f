// The port's body in memory: for tests, fuzzing and session scripts.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "protocol/pop3/backend.h"
#include "wire/saslsec/memory_desk.h"

namespace angarium::protocol::pop3 {

struct MemoryMessage {
  std::string unique_id;
  std::string octets;  ///< lines end with CR LF
  std::optional<std::string>
      downgraded{};                       ///< for clients without UTF8; absent: kNeedsUtf8 if the octets are not ASCII
  std::optional<std::uint64_t> listed{};  ///< its size as another version counted it; absent: as it is
};

struct MemoryUser {
  std::string password;
  std::vector<MemoryMessage> messages{};
  std::size_t last_accessed = 0;
  bool open = false;
};

/// All that sessions share, and what shall go wrong. Outlives them; one thread.
struct MemoryHouse {
  std::map<std::string, MemoryUser, std::less<>> users{};
  std::optional<std::string> external_identity{};
  wire::saslsec::MemoryLogins logins{};  ///< what is not said here
  std::size_t piece = 4096;              ///< octets of a piece of a message
  bool shared_pieces = true;             ///< pieces have an owner
  std::optional<Error> refuse_connection{};
  std::optional<Error> fail_verify{};
  std::optional<Error> fail_open{};
  std::optional<Error> fail_remove{};
  std::optional<std::size_t> fail_read_after{};  ///< octets of a message that can be read
  std::vector<Offence> offences{};
};

class MemoryAuthenticator final : public Authenticator {
 public:
  explicit MemoryAuthenticator(MemoryHouse& house) : house_(house) {}

  io::Task<Result<>> connected(const wire::Connection& connection) override;
  wire::saslsec::Desk& credentials() override;
  io::Task<Result<std::unique_ptr<Maildrop>>> open(const Login& login) override;
  void offence(Offence kind) override { house_.offences.push_back(kind); }

 private:
  MemoryHouse& house_;
  wire::saslsec::MemoryDesk desk_{house_.logins};
};

}  // namespace angarium::protocol::pop3
