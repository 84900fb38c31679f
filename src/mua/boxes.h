// The boxes that are read here: those of the host, and folders of the server's own store.
#pragma once

#include <memory>
#include <string>

#include "box/box.h"
#include "mua/surroundings.h"

namespace angarium::mua {

using box::Access;
using box::Box;
using box::Came;
using box::Entry;
using box::has_mail;
using box::kChanged;
using box::kHeaderMax;
using box::kNoBox;

/// An mbox file, a Maildir, or with "@NAME" a folder of the server's store ("@": INBOX). Takes up what a crash left of
/// a rewriting. kNoBox, kHost.
Result<std::unique_ptr<Box>> open_box(const std::string& path, const Surroundings& here, Access access);

}  // namespace angarium::mua
