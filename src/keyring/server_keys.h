// The server's own keys, which all others are wrapped by: a file beside the store and not in it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/random.h"
#include "base/result.h"
#include "keyring/cipher.h"

namespace angarium::keyring {

/// The file is not there, not ours alone, or holds no keys; or not the key that something was wrapped by. Whoever
/// brings it back has all again: nothing is lost by it, and nothing to be refused for good.
inline constexpr ErrorKind kNoServerKey{"keyring.no-server-key", Fault::ours, Lasting::temporary};

/// Versions that may stand in the file at one time: one, and those that rotations cut short have left.
inline constexpr std::size_t kServerKeysMax = 16;

/// All versions, the newest last. Immutable.
class ServerKeys {
 public:
  struct Version {
    std::uint64_t id = 0;  ///< random: a file that was brought back from elsewhere is not mistaken for this one
    Key key;
  };

  /// DIRECTORY/server.keys: a regular file of this process' user, or of root, that nobody else may open. kNoServerKey.
  static Result<ServerKeys> read(const std::string& directory);
  /// The same; the first key is made where there is neither the file nor anything that it may have been for (who asks
  /// knows that). Durable when this returns.
  static Result<ServerKeys> make(const std::string& directory, Random& random = system_random());
  /// The text of the file.
  static Result<ServerKeys> parse(std::string_view text);
  [[nodiscard]] std::string text() const;

  /// What is wrapped from now on is wrapped by this one.
  [[nodiscard]] const Version& current() const { return versions_.back(); }
  [[nodiscard]] const std::vector<Version>& versions() const { return versions_; }
  /// kNoServerKey.
  [[nodiscard]] Result<Key> find(std::uint64_t id) const;

  /// The file with a new version behind the others; those stay until forget_old(). Durable when this returns.
  [[nodiscard]] Result<ServerKeys> with_new(const std::string& directory, Random& random = system_random()) const;
  /// The file with these, kServerKeysMax at most. Durable when this returns.
  [[nodiscard]] Result<> write(const std::string& directory) const;
  /// Those of both; where both have one, as `newer` has it. The newest is that of `newer`.
  [[nodiscard]] ServerKeys with(const ServerKeys& newer) const;
  /// The file with the newest alone: nothing may be wrapped by the others any more.
  [[nodiscard]] Result<ServerKeys> forget_old(const std::string& directory) const;

 private:
  std::vector<Version> versions_;
};

}  // namespace angarium::keyring
