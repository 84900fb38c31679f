// Several messages of one FETCH on their way into the account: each is taken as soon as the next one begins.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "agent/fetch_run.h"
#include "protocol/imap/client.h"

namespace angarium::agent {

/// A message as one response brought it.
struct FetchArrived {
  protocol::imap::FetchResponse told;
  std::unique_ptr<FetchTaking> octets;  ///< null: `told` has them, or the server says that there are none
};

/// A folder when the message is here or passed over. Those that are `open`, and have lower UIDs, are owed: they are
/// asked for again if we end before they come.
fetch::FolderState with_message(const fetch::FolderState& state, std::uint32_t uid,
                                const std::set<std::uint32_t>& open);

/// Gets the responses to one FETCH of contents. What arrives is given to `take` in the order in which it came, and the
/// server is not read meanwhile. The last one waits for take_rest(): a server may end what it cannot read to its end as
/// if it was whole, and say so in the answer to the command.
class FetchIncoming final : public protocol::imap::ContentSink {
 public:
  using Take = std::function<io::Task<Result<>>(FetchArrived)>;
  FetchIncoming(FetchRun& run, const std::vector<std::uint32_t>& asked, Take take)
      : run_(run), open_(asked.begin(), asked.end()), take_(std::move(take)) {}

  Result<void> begin(std::string_view before, std::uint64_t size) override;
  io::ValueOrTask<Result<void>> append(std::string_view octets) override;
  io::ValueOrTask<Result<void>> end() override { return Result<void>{}; }
  /// Each response.
  void told(const protocol::imap::Response& response);
  /// When the command was answered well.
  io::Task<Result<>> take_rest();

  /// What was asked for and is not taken yet, ascending.
  [[nodiscard]] const std::set<std::uint32_t>& open() const { return open_; }
  /// What the server did that it must not; look when the command was answered.
  [[nodiscard]] const std::optional<Error>& trouble() const { return trouble_; }

 private:
  io::Task<Result<>> take_waiting();
  io::Task<Result<>> take_then_append(std::string_view octets);

  FetchRun& run_;
  std::set<std::uint32_t> open_;
  std::set<std::uint32_t> arrived_;
  Take take_;
  std::unique_ptr<FetchTaking> current_;
  std::deque<FetchArrived> waiting_;
  std::size_t waiting_octets_ = 0;  ///< of those that did not come through append()
  std::optional<Error> trouble_;
};

}  // namespace angarium::agent
