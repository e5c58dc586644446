#pragma once

#include <cstdint>

#include "libnorm/core/rng.hpp"
#include "libnorm/data/corpus.hpp"

namespace libnorm {

/// Generated texts of a few classes, a substitute for AG News where that is missing. Lengths,
/// repetitions and the difficulty of telling classes apart by words alone are about AG News's. Ids
/// are BERT's: [PAD] 0, [CLS] 101, [SEP] 102, words from 103, the most frequent first.
///
/// The word of rank k = 0, 1, ... has a frequency proportional to 1 / (k + 3) (Zipf-Mandelbrot).
/// The first `common` words belong to no class. Of each 3 x classes words after them the first
/// `classes` are topic words, one of each class, and the others belong to none. A text draws its
/// words from all of them; another class's topic word is replaced by its own class's of the same
/// group, unless it leaks. Some words of a text are repeated, and some texts use the words of
/// another class, which no classifier of words can detect.
///
/// Uses only integers and comparisons, so that the bits are the same everywhere.
///
/// Source of the defaults: AG News's test texts under BERT's WordPiece, which have 52.5 tokens
/// (deviation 16.3) and, [PAD] included, 42.6 distinct ones (mean square 1911); these have 53.0
/// (15.4) and 42.5 (1941). Naive Bayes tells 87% of AG News's second 3800 from the first; here it
/// needs 8000 texts for 90%, and 94% is the most that words tell.
struct Topics {
  /// Ids of [PAD], which draw does not write, [CLS] and [SEP], and the first of the words.
  /// @{
  static constexpr std::int32_t kPad = 0, kBegin = 101, kEnd = 102, kFirstWord = 103;
  /// @}

  /// K; labels are 0 .. K-1.
  Index classes = 4;
  /// V, of which words are ids kFirstWord .. V-1.
  Index vocabulary = 30522;
  /// Tokens of a text, [CLS] and [SEP] included: the mean before texts are cut.
  Index mean_length = 53;
  /// Tokens of the longest text: longer ones are cut.
  Index length = 128;
  /// Frequent words that belong to no class.
  Index common = 64;
  /// Share of other classes' topic words that are not replaced.
  double leak = 0.2;
  /// Share of words repeated from the text so far.
  double repeats = 0.16;
  /// Share of texts that use the words of another class.
  double off_topic = 0.05;

  /// Throws: ValueError unless there are 2 classes or more, a group of words after the common ones,
  /// shares within 0 .. 1, 8 <= mean_length and 3 <= length, and at most 2^20 of anything.
  void check() const;

  /// `count` texts; text i is of class i mod classes and a function of (seed, stream, i) alone, so
  /// that a longer corpus begins as a shorter one. Training and test texts are different streams of
  /// a seed; words mean the same in all of them.
  /// Throws: what check throws; ValueError for count < 0.
  Corpus draw(std::uint64_t seed, std::uint32_t stream, Index count) const;
};

}  // namespace libnorm
