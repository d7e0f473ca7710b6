//! What a run would do with appointments and tasks, for people.

use crate::engine::items::{ItemPlan, PlannedItem, PlannedStep, StepKind};
use crate::journal::ConflictSide;

use super::values::value;

/// Writes a plan, an item with its steps a paragraph.
pub(super) fn write_plan(out: &mut dyn std::io::Write, plan: &ItemPlan) -> std::io::Result<()> {
    for item in &plan.items {
        write_item(out, item)?;
    }
    if plan.left > 0 {
        writeln!(out, "… and {} more.", plan.left)?;
    }
    if plan.items.is_empty() {
        writeln!(out, "Both sides are the same.")?;
    }
    Ok(())
}

fn write_item(out: &mut dyn std::io::Write, item: &PlannedItem) -> std::io::Result<()> {
    let title = super::output::plain(&item.title);
    writeln!(out, "{title} · {} · {}", item.date.as_deref().unwrap_or("no date"), super::output::plain(&item.collection))?;
    for step in &item.steps {
        writeln!(out, "    {}", words(step))?;
        for field in &step.fields {
            match (step.what, &field.to) {
                (StepKind::Create, Some(to)) => writeln!(out, "        {}: {}", field.field, value(Some(to)))?,
                _ => writeln!(out, "        {}: {} → {}", field.field, value(field.from.as_ref()), value(field.to.as_ref()))?,
            }
        }
    }
    if let Some(reason) = &item.reason {
        writeln!(out, "    {reason}")?;
    }
    Ok(())
}

fn words(step: &PlannedStep) -> String {
    let side = match step.side {
        ConflictSide::Groupware => "the groupware",
        ConflictSide::Crm => "the CRM",
    };
    match step.what {
        StepKind::Create => format!("create in {side}"),
        StepKind::Update => format!("change in {side}"),
        StepKind::Remove => format!("remove from {side}"),
        StepKind::Exclude => format!("take the occurrence out of its series in {side}"),
        StepKind::Bind => format!("bind to its counterpart in {side}"),
    }
}
