//! The contract's own promises, on a toy protocol.

mod toy;

use dissect::kit;

fn check(case: &str) {
    kit::check(&toy::TOY, case);
}

#[test]
fn question_and_answer_are_one_call() {
    check("> Qa\\n\n< Aa\\n\n= matched Qa - Aa\n=> toy.line=Qa; size=3\n");
}

#[test]
fn answers_come_in_the_order_of_the_questions() {
    check(
        "> Qa\\nQb\\nQc\\n\n< Aa\\nAb\\nAc\\n\n= matched Qa - Aa\n= matched Qb - Ab\n= matched Qc - Ac\n",
    );
}

#[test]
fn an_answer_may_begin_before_the_question_ends() {
    check("> Qa+6\\nabc\n< Aa\\n\n> def\n= matched Qa+6 - Aa\n=> body=abcdef\n");
}

#[test]
fn a_body_in_parts_is_one_body() {
    check(
        "> Pa+3\\nabc+2\\nde.\\n\n< Aa\\n\n= matched Pa+3 - Aa\n=> body=abcde; body.size=5; size=15\n",
    );
}

#[test]
fn answers_by_number_come_in_any_order() {
    check("> #1a\\n#2b\\n\n< #2y\\n#1x\\n\n= matched #2b - #2y\n= matched #1a - #1x\n");
}

#[test]
fn a_number_used_again_means_a_lost_answer() {
    check(
        "only whole\n> #1a\\n\n> #1b\\n\n< #1x\\n\n= unanswered #1a - - missing=gap\n= matched #1b - #1x\n",
    );
}

#[test]
fn a_datagram_asked_again_is_one_call() {
    check("over udp\n> #1a\\n\n> #1a\\n\n< #1x\\n\n< #1x\\n\n= matched #1a - #1x\n=> repeats=1\n");
}

#[test]
fn a_gap_inside_a_body_is_arithmetic() {
    check(
        "> Qa+10\\nabc\ngap > 4\n> def\n> Qb\\n\n< Aa\\n\n< Ab\\n\n= matched Qa+10 - Aa missing=gap\n=> body=abc; body.size=10; missing_bytes=4; size=16\n= matched Qb - Ab\n",
    );
}

#[test]
fn a_loss_is_told_before_the_other_side_is_read() {
    let told = |case: &str| check(&format!("only whole\n{case}"));
    told("> !a\\n\n< L\\n\n= one-way !a - -\n= one-way - - whole\n");
    told("> !a\\n\ngap > 9\n< L\\n\n= one-way !a - -\n= one-way - - lost\n");
    told("late\n> !a\\n\n< L\\n\n= one-way !a - -\n= one-way - - whole\n");
    told("late\n> ?a\\n\n< L\\n\n= one-way - - lost\n");
    // Inside a body nothing is lost but payload.
    told(
        "> !a+9\\nabc\ngap > 3\n< L\\n\n> def\n= one-way - - whole\n= one-way !a+9 - - missing=gap\n",
    );
}

#[test]
fn a_lost_question_leaves_its_answer_alone() {
    check(
        "> Qa\\n\n< Aa\\n\ngap > 3\n> Qc\\n\n< Ab\\n\n< Ac\\n\n= matched Qa - Aa\n= unanswered Qc - - missing=gap\n= orphan - - Ab missing=gap\n= orphan - - Ac missing=gap\n",
    );
}

#[test]
fn questions_before_the_gap_keep_their_answers() {
    check(
        "> Qa\\nQb\\n\ngap > 30\n< Aa\\n\n< Ab\\n\n< Ax\\n\n= matched Qa - Aa\n= matched Qb - Ab\n= orphan - - Ax missing=gap\n",
    );
}

#[test]
fn after_lost_answers_nothing_is_guessed() {
    check(
        "> Qa\\nQb\\nQc\\n\n< Aa\\n\ngap < 3\n< Ac\\n\n= matched Qa - Aa\n= unanswered Qb - - missing=gap\n= unanswered Qc - - missing=gap\n= orphan - - Ac missing=gap\n",
    );
}

/// Joined late, question and answer alternate also where one more is outstanding all the time: A0 is
/// to a question that was not seen.
#[test]
fn alternation_alone_tells_nothing_of_a_client_that_may_pipeline() {
    let turns: String = (1..7).map(|n| format!("> Q{n}\\n\n< A{}\\n\n", n - 1)).collect();
    let halves = |n: usize| {
        format!(
            "= unanswered Q{n} - - missing=capture-start\n= orphan - - A{} missing=capture-start\n",
            n - 1
        )
    };
    check(&format!("late\n{turns}{}", (1..7).map(halves).collect::<String>()));
}

#[test]
fn a_silent_moment_pairs_what_alternates_after_it() {
    check(
        "late\nwait 200\n> Qa\\n\n< Aa\\n\n> Qb\\n\n< Ab\\n\n= matched Qa - Aa\n= matched Qb - Ab\n",
    );
}

#[test]
fn pauses_without_an_answer_show_that_nothing_is_hidden() {
    let turns: String = (0..9).map(|n| format!("wait 5\n> Q{n}\\n\n< A{n}\\n\n")).collect();
    let calls: String = (0..9).map(|n| format!("= matched Q{n} - A{n}\n")).collect();
    check(&format!("late\n{turns}{calls}"));
}

#[test]
fn too_few_pauses_show_nothing() {
    let turns: String = (0..7).map(|n| format!("wait 5\n> Q{n}\\n\n< A{n}\\n\n")).collect();
    let halves = |n: usize| {
        format!(
            "= unanswered Q{n} - - missing=capture-start\n= orphan - - A{n} missing=capture-start\n"
        )
    };
    check(&format!("late\n{turns}{}", (0..7).map(halves).collect::<String>()));
}

/// The older ones left alone: what is kept until it is known is bounded.
#[test]
fn a_very_long_run_is_believed() {
    let turns: String = (0..260).map(|n| format!("> Q{n}\\n\n< A{n}\\n\n")).collect();
    let alone = |n: usize| {
        format!(
            "= unanswered Q{n} - - missing=capture-start\n= orphan - - A{n} missing=capture-start\n"
        )
    };
    let halves: String = (0..223).map(alone).collect();
    let calls: String = (223..260).map(|n| format!("= matched Q{n} - A{n}\n")).collect();
    check(&format!("only whole\nlate\n{turns}{halves}{calls}"));
}

#[test]
fn a_client_that_pipelines_is_not_paired_after_a_late_join() {
    check(
        "late\n> Qc\\nQd\\n\n< Ab\\n\n= unanswered Qc - - missing=capture-start\n= unanswered Qd - - missing=capture-start\n= orphan - - Ab missing=capture-start\n",
    );
}

#[test]
fn what_is_unanswered_at_the_end_says_so() {
    check("> Qa\\n\n= unanswered Qa - - missing=capture-end\n");
}

#[test]
fn half_a_head_is_not_a_call() {
    check("> Qa\\n\n< Aa\\n\n> Qhal\n= matched Qa - Aa\n");
}

#[test]
fn one_way_messages_stand_alone() {
    check("> !a\\n\n< !b\\n\n= one-way !a - -\n= one-way - - !b\n");
}

#[test]
fn fuzzed_bytes_never_panic_and_give_all_memory_back() {
    let mut seed = 0x1234_5678_u64;
    for _ in 0..2_000 {
        let bytes: Vec<u8> = (0..200)
            .map(|_| {
                seed = seed
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                b"QAP#!a+51.\n\x00\x01\x0e"[(seed >> 33) as usize % 14]
            })
            .collect();
        kit::fuzz(&toy::TOY, &bytes);
    }
}
