#include "mailbox/commit.h"

#include "io/loop.h"
#include "mailbox/account.h"

namespace angarium::mailbox {

void Commit::enqueue(store::Tablet& tablet, store::Batch batch, std::vector<std::shared_ptr<CommitPart>> parts,
                     Done<store::CommitInfo> done) {
  // Freed by completed(), which the tablet calls exactly once.
  auto* commit = new Commit(std::move(parts), std::move(done));
  tablet.enqueue(std::move(batch), *commit);
}

void Commit::completed(Result<store::CommitInfo> result) noexcept {
  const io::WakeOnce once;  // a loop that is told while locks are held only comes to wait for them
  for (const auto& part : parts_) part->account->completed(*part, result);
  // The one who waits is told after the change is visible.
  for (const auto& part : parts_)
    for (auto& after : part->after) after(result ? Result<>() : Result<>(std::unexpected(result.error())));
  if (done_) done_(std::move(result));
  delete this;
}

}  // namespace angarium::mailbox
